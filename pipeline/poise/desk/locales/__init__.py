"""The texts of the desk, in English and Korean, laid over those of the reports"""
